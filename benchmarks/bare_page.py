"""The least that Streamlit can show: one Plotly chart. What the dashboard's pages are compared with."""

import plotly.graph_objects as go
import streamlit as st

st.plotly_chart(go.Figure(go.Scatter(y=[3, 1, 4, 1, 5, 9, 2, 6])))
