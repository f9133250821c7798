"""The dashboard: Streamlit pages over read models."""
